"""Which vendors may be called, and how."""

from compliance.environment import days, file_or_none, hosts, http_url_or_none, minutes, read

VENDOR_HOSTS = read(
    "VENDOR_HOSTS",
    "a comma-separated list of host names, IP addresses or *.patterns, without https://, port or path",
    hosts,
    "",
)
VENDOR_PROXY = read("VENDOR_PROXY", "an http:// or https:// address", http_url_or_none, "")
VENDOR_CA_BUNDLE = read("VENDOR_CA_BUNDLE", "a file of CA certificates", file_or_none, "")
SUPPRESSION_DAYS = read("SUPPRESSION_DAYS", "a whole number of days, 0 to 3650", days, "0")
DISPATCH_DELAY_MINUTES = read("DISPATCH_DELAY_MINUTES", "a whole number of minutes, 0 or more", minutes, "0")
