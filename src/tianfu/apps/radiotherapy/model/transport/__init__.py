"""How dose comes from a machine into a patient: beams, beamlets and what they give to each voxel."""
