"""What operators type. It starts services and reads topics; it decides nothing."""
