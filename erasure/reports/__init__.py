"""What the desk hands to others: the regulator pack of a case (`pack`), the register of requests (`register`)."""
