"""The rules of a life on one page, pure: nothing here reads a store or knows of pages."""
