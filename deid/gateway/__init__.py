"""`send`: a site's scans cleaned where they are and handed to Corelab's DICOMweb door, as often as it takes."""
