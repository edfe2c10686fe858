"""Pictures made by the server: planes of an image with what lies on them, histograms, gamma; values in, bytes out."""
