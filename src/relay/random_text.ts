/** Text of `[a-z0-9]` from the system's random source. @param length number of characters */
export function randomText(length: number): string {
  let text = "";
  while (text.length < length) {
    for (const byte of crypto.getRandomValues(new Uint8Array(length * 2))) {
      // 252 is the largest multiple of 36 below 256: above it, some characters would come more often than others.
      if (byte < 252 && text.length < length) text += (byte % 36).toString(36);
    }
  }
  return text;
}
