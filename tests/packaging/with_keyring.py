"""The extra `keyring`: a login is looked for in the keyring, of which this machine has none."""

import keyring
from keyring.backends import null

from mentra_actors.providers.oauth.token_store import KeyringTokens

keyring.set_keyring(null.Keyring())
assert KeyringTokens("openai").load() is None
