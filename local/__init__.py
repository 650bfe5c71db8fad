"""The laptop stack: emulators, their resources and what reads from them."""
