"""What an account has of its own: identities, templates, devices, and the secrets among their settings."""
