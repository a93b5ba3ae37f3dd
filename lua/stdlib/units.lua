-- Units: sizes in bytes (powers of 1024), times in seconds.
return {
  KB = 1 << 10, MB = 1 << 20, GB = 1 << 30, TB = 1 << 40,
  secs = 1, mins = 60, hours = 3600, days = 86400,
}
