"""Images and pairs before anything is sent: taking them in, editing, checking, pairing."""
