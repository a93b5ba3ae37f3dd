-- A report by mail at midnight, made in an image: install, download, run.
--
--   clusterctl create devcluster/www-data/prod/daily-weather-report daily_weather_cron.lua

local script = "https://example.org/email-weather-forecast.py"

local install = Process {
  name = "install_python3",
  cmdline = "apt-get update && apt-get -y install python3",
}
local download = Process { name = "download", cmdline = "curl -fsSLO " .. script }
local run = Process { name = "run", cmdline = "python3 email-weather-forecast.py" }

return {
  Job {
    cluster = "devcluster", role = "www-data", environment = "prod", name = "daily-weather-report",
    cron = Cron { schedule = "0 0 * * *" },
    env = Env {
      TO_EMAIL_ADDR = "user@example.com",
      FROM_EMAIL_ADDR = "weather@example.com",
      ZIP_CODE = "97201",
      MAIL_SERVER = "mail.example.com:25",
      MAIL_USERNAME = "weather@example.com",
      MAIL_PASSWORD = secret("weather_mail"),
    },
    container = Container { docker = Docker { image = "python:2.7.10" } },
    task = SequentialTask {
      processes = { install, download, run },
      resources = Resources { cpu = 0.5, ram = 1*GB, disk = 768*MB },
    },
  },
}
