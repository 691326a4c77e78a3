"""What data look like: clusters of resources, the shape of distributions, how they drift, and how good a set of data is. Pure."""
