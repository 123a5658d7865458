"""docs/reference: pages that are read out of the code, so that they can't be out of date."""
