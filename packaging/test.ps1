# Sets dancecoach up for testing and runs every check: powershell -ExecutionPolicy Bypass -File packaging\test.ps1 [options]
. (Join-Path $PSScriptRoot "setup.ps1")
Install-Dancecoach "[test,training]"
Push-Location $Root
try {
    foreach ($check in @(@("ruff", "check", "."), @("ruff", "format", "--check", "."), @("mypy"))) {
        & $Python -m @check
        if ($LASTEXITCODE -ne 0) { exit $LASTEXITCODE }
    }
    & (Join-Path $Venv "Scripts\lint-imports.exe")
    if ($LASTEXITCODE -ne 0) { exit $LASTEXITCODE }
    & $Python -m pytest @args
    exit $LASTEXITCODE
} finally {
    Pop-Location
}
