# Sets up what dancecoach needs on Windows; read by run.ps1 and test.ps1. The wheels carry Qt, PortAudio and FFmpeg.
$ErrorActionPreference = "Stop"
$Root = Split-Path -Parent $PSScriptRoot
$Venv = if ($env:DANCECOACH_VENV) { $env:DANCECOACH_VENV } else { Join-Path $Root ".venv" }
$Python = Join-Path $Venv "Scripts\python.exe"

function Find-Python {
    foreach ($version in @("3.12", "3.11")) {
        if (Get-Command py -ErrorAction SilentlyContinue) {
            & py "-$version" -c "import venv" 2>$null
            if ($LASTEXITCODE -eq 0) { return @("py", "-$version") }
        }
    }
    if (Get-Command python -ErrorAction SilentlyContinue) {
        & python -c "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))" 2>$null
        if ($LASTEXITCODE -eq 0) { return @("python") }
    }
    Write-Host "Python 3.11 or 3.12 is missing. Install it with: winget install Python.Python.3.12"
    exit 1
}

function Install-Dancecoach([string]$Extra) {
    $stamp = Join-Path $Venv "dancecoach-installed$($Extra.Trim('[', ']'))"
    $files = @((Join-Path $Root "pyproject.toml"), (Join-Path $Root "packaging\constraints.txt"))
    $wanted = (($files | ForEach-Object { (Get-FileHash $_).Hash }) -join " ") + " $Root"
    if ((Test-Path $stamp) -and ((Get-Content $stamp -Raw).Trim() -eq $wanted)) { return }
    if (-not (Test-Path $Python)) {
        $found = @(Find-Python)
        $rest = @($found | Select-Object -Skip 1)
        & $found[0] @rest -m venv $Venv
        if ($LASTEXITCODE -ne 0) { exit $LASTEXITCODE }
    }
    Write-Host "Installing Python packages into $Venv (a few minutes the first time)"
    & $Python -m pip install --quiet --disable-pip-version-check --constraint (Join-Path $Root "packaging\constraints.txt") --editable "$Root$Extra"
    if ($LASTEXITCODE -ne 0) {
        Write-Host "The Python packages could not be installed. Check the connection and the free disk space, then run this again."
        exit $LASTEXITCODE
    }
    Set-Content -Path $stamp -Value $wanted
}
