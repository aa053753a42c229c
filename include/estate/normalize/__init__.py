"""The normalize stage: records of several sources become one property, its sales, and what lost."""
