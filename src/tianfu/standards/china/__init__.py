"""China's health-care standards as plain values: identity numbers, record numbers, regions, value sets, names."""
