"""The life-long health record: find a person, see a whole life on one page, open every record behind it."""
