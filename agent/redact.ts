/**
 * Removes secrets from a line of an engine's output before it leaves the machine: query strings and passwords in URLs, bearer tokens,
 * and the values of environment variables that are named like secrets.
 */
const SECRET_NAME = /KEY|TOKEN|SECRET|PASSW|CREDENTIAL|SIGNATURE/i;
/** A shorter value may be an ordinary word. */
const SECRET_CHARACTERS_MIN = 8;
const REDACTED = '[redacted]';

export function redactorOf(environment: Readonly<Record<string, string | undefined>>): (line: string) => string {
  const secrets = Object.entries(environment)
    .filter(([name, value]) => SECRET_NAME.test(name) && (value ?? '').length >= SECRET_CHARACTERS_MIN)
    .map(([, value]) => value!)
    // A secret may contain another one.
    .sort((a, b) => b.length - a.length);
  return (line) => {
    let text = line;
    for (const secret of secrets) text = text.replaceAll(secret, REDACTED);
    return text
      .replace(/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@]+@/gi, `$1${REDACTED}@`)
      .replace(/(\b[a-z][a-z0-9+.-]*:\/\/[^\s?"'<>]*\?)[^\s"'<>]+/gi, `$1${REDACTED}`)
      .replace(/\b(Bearer|Basic)\s+[\w.~+/=-]{8,}/gi, `$1 ${REDACTED}`);
  };
}
