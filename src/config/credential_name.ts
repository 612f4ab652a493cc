const CREDENTIAL_WORDS: ReadonlySet<string> = new Set([
  "key",
  "apikey",
  "token",
  "secret",
  "password",
  "passwd",
  "cookie",
  "authorization",
  "auth",
  "credential",
  "credentials",
]);

/** True when what bears this name (a header, a variable, a setting) is most likely a secret (CFG-139). */
export function isCredentialName(name: string): boolean {
  return name.toLowerCase().split(/[-_.]/).some((word) => CREDENTIAL_WORDS.has(word));
}
