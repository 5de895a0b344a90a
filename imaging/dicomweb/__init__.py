"""DICOMweb without a web server: bodies, answers, questions and documents (PS3.18)."""
