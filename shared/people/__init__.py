"""People who sign in: passwords, second factors, sessions, invitations, and what each of them may do where."""
