"""What does it mean that a URL can't be read, and what is the remedy? One sentence for each answer and error."""

import math
from urllib.parse import urlsplit

import yaml

from nano3.core.answers import (
    TRANSIENT_STATUSES,
    Answer,
    answer_in,
    causes,
    first_line,
    is_transient,
    no_answer,
    requested_wait,
)

DRIVERS = {
    "s3": "'nano3-pretraining[s3]'",
    "s3a": "'nano3-pretraining[s3]'",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "az": "adlfs",
    "abfs": "adlfs",
    "abfss": "adlfs",
    "adl": "adlfs",
    "oci": "ocifs",
    "oss": "ossfs",
    "sftp": "paramiko",
    "ssh": "paramiko",
    "webdav": "webdav4",
}
S3_LOGIN = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
# What a person must do about an error of S3, by its code.
S3_CODES = {
    "InvalidAccessKeyId": f"S3 does not know the key of AWS_ACCESS_KEY_ID: {S3_LOGIN} again",
    "SignatureDoesNotMatch": "AWS_SECRET_ACCESS_KEY does not belong to AWS_ACCESS_KEY_ID: correct it",
    "ExpiredToken": "AWS_SESSION_TOKEN has expired: log in again, e.g. with `aws sso login`",
    "InvalidToken": "AWS_SESSION_TOKEN is not valid: log in again, or unset it if the keys need none",
    "TokenRefreshRequired": "AWS_SESSION_TOKEN has expired: log in again, e.g. with `aws sso login`",
    "RequestTimeTooSkewed": "S3 refuses because this machine's clock is wrong: set the clock",
    "AuthorizationHeaderMalformed": "the bucket is in another region: set AWS_DEFAULT_REGION to its region",
    "PermanentRedirect": "the bucket is in another region: set AWS_DEFAULT_REGION to its region",
    "InvalidObjectState": "the object is archived: restore it from Glacier first",
    "NoSuchBucket": "no such bucket: correct source, or AWS_ENDPOINT_URL if it is not Amazon's",
}
# Errors of botocore before anything is sent, by the name of their type.
S3_ERRORS = {
    "NoCredentialsError": f"no S3 credentials: {S3_LOGIN}; for a public bucket, FSSPEC_S3_ANON=true",
    "PartialCredentialsError": f"half of the S3 credentials is missing: {S3_LOGIN}",
    "ProfileNotFound": "~/.aws has no profile of the name in AWS_PROFILE: correct it",
    "TokenRetrievalError": "the login of AWS_PROFILE has expired: run `aws sso login`",
    "SSOTokenLoadError": "nobody is logged in to AWS_PROFILE: run `aws sso login`",
    "UnauthorizedSSOTokenError": "the login of AWS_PROFILE has expired: run `aws sso login`",
    "ParamValidationError": "source is not s3://bucket/prefix: correct it",
}
LOGIN_ERRORS = {
    "DefaultCredentialsError",
    "RefreshError",
    "ClientAuthenticationError",
}  # of Google's and Azure's drivers
HOSTS = ("http", "https", "ftp", "sftp", "ssh", "webdav")  # protocols whose URLs name a server
OTHER_LOGINS = {"gs": "GOOGLE_APPLICATION_CREDENTIALS", "gcs": "GOOGLE_APPLICATION_CREDENTIALS"}
OTHER_LOGINS |= {"az": "AZURE_STORAGE_CONNECTION_STRING", "abfs": "AZURE_STORAGE_CONNECTION_STRING"}


def refusal(error: Exception, url: str) -> str:
    """What is wrong with a URL, and the remedy, in one sentence without the URL."""
    meanings = (_of_driver, _of_connection, _of_answer, _of_type)
    return next(sentence for meaning in meanings if (sentence := meaning(error, url)))


def _of_driver(error: Exception, url: str) -> str | None:
    """What a driver says before it sends anything."""
    if isinstance(error, ImportError):
        driver = DRIVERS.get(_protocol(url))
        return f"needs a driver that is not installed: {f'`pip install {driver}`' if driver else first_line(error)}"
    names = _type_names(error)
    if LOGIN_ERRORS & {*names}:
        return f"nobody is logged in, or no longer: {_login(url)}"
    return next((S3_ERRORS[name] for name in names if name in S3_ERRORS), None)


def _of_connection(error: Exception, url: str) -> str | None:
    if "TooManyRedirects" in _type_names(error):
        return "the server redirects in a circle: correct source"
    server = f"its server {_host(url)}" if _protocol(url) in HOSTS else "its storage service"
    return no_answer(error, url, server)


def _of_answer(error: Exception, url: str) -> str | None:
    """The meaning of an answer that is not the file."""
    answer = answer_in(error)
    if answer is None:
        return None
    if answer.code in S3_CODES:
        return S3_CODES[answer.code]
    said = f"HTTP {answer.status}" + (f", {answer.code}" if answer.code.isalpha() else "")
    meanings = {
        401: f"needs a login ({said}): {_login(url)}",
        403: f"access is refused ({said}): {_login(url)}",
        404: "no such file: correct source, then pin its dataset again",
        407: f"the proxy wants a login ({said}): write user and password into HTTPS_PROXY",
        410: f"the file was removed for good ({said}): correct source, then pin its dataset again",
        451: f"the file may not be shown for legal reasons ({said}): take it out of the catalogue",
    }
    if answer.status in TRANSIENT_STATUSES:
        return f"the server answered {answer.status} every time: {again(answer)}"
    return meanings.get(answer.status, f"the server refuses the request ({said}): correct source")


def _of_type(error: Exception, url: str) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file: correct source, then pin its dataset again"
    if isinstance(error, PermissionError):
        return f"no access ({first_line(error)}): {_login(url)}"
    remedy = "try again later" if is_transient(error) else "correct source"
    return f"can't be read: {type(error).__name__}: {first_line(error)}: {remedy}"


def card_refusal(error: Exception) -> str:
    """Why the library `datasets` can't tell a repository's data files, by its README.md; with the remedy."""
    remedy = (
        "correct that and use the new commit as revision, or download its files into a folder and make that the source"
    )
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return f"README.md: line {error.problem_mark.line + 2}: not YAML: {error.problem}: {remedy}"  # after the ---
    if isinstance(error, UnicodeDecodeError):
        return f"README.md: byte {error.object[error.start]:#04x} is not UTF-8: {remedy}"
    if isinstance(error, FileNotFoundError) or answer_in(error):
        return f"no data files where its README.md or its folders say ({first_line(error)}): {remedy}"
    if isinstance(error, RuntimeError):
        return f"{first_line(error)}: use a commit of its branch refs/convert/parquet as revision, if it has one"
    return f"README.md can't be understood: {first_line(error)}: {remedy}"


def again(answer: Answer) -> str:
    """When to try again, by what a server says; hours are told, days are not believed."""
    minutes = math.ceil((requested_wait(answer) or 0) / 60)
    return f"try again in {minutes:,} min, as it asks" if 0 < minutes <= 24 * 60 else "try again later"


def _login(url: str) -> str:
    protocol = _protocol(url)
    if protocol in ("s3", "s3a"):
        return f"{S3_LOGIN} to an account that may read it"
    if protocol in ("http", "https"):
        return f"put a login for {_host(url)} that may read it into ~/.netrc"
    variable = OTHER_LOGINS.get(protocol)
    return f"set {variable} to a login that may read it" if variable else "give its driver a login that may read it"


def _protocol(url: str) -> str:
    return url.partition("://")[0]


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _type_names(error: Exception) -> list[str]:
    return [kind.__name__ for cause in causes(error) for kind in type(cause).__mro__]
