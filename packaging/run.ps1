# Sets dancecoach up the first time, then starts it: powershell -ExecutionPolicy Bypass -File packaging\run.ps1 [options]
. (Join-Path $PSScriptRoot "setup.ps1")
Install-Dancecoach ""
& $Python -m dancecoach @args
exit $LASTEXITCODE
