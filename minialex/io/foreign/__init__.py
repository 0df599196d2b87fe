"""Networks in the files of other programs, which bring their structure with them."""
