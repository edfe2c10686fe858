"""Files and blobs that belong to records: kept once, sealed, in a folder or a bucket."""
