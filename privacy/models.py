"""The rights of the person: withdrawal, access, erasure, retention, breaches, and the registers of GDPR."""
