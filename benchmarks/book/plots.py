def draw_plots(results): pass
