"""Dose engine B: point kernels collapsed onto cones.  Independent of the pencil beam in transport, not in
commissioning: its kernels are fitted to the same machine's dose in water.  Not cleared for clinical use.
"""
