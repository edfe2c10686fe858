"""Where DICOM objects lie and how they arrive: delivered one by one, read as a whole, and then a case or nothing."""
