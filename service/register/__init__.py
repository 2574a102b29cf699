"""The register of algorithms: what each method is for, how far it can be trusted, and who must look at it."""
