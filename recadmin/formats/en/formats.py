"""Times to the second and with their zone: what fired when is compared by them."""

DATETIME_FORMAT = "D d M Y H:i:s T"
SHORT_DATETIME_FORMAT = DATETIME_FORMAT
