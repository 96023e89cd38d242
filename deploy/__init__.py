"""How Damso comes to a host, and how one version takes the place of another. docs/deploy.md"""
