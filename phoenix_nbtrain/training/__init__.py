"""The live state of one model's training: draft, sync, price, launch, watch."""
