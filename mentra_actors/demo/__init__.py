"""The team of `mentra demo`: an offline model, survey tools, and the play around a kill."""
