/** Compares without telling by its duration where two texts differ; only the length of the expected one shows. */
export function equalsInConstantTime(presented: string, expected: string): boolean {
  let difference = presented.length ^ expected.length;
  for (let at = 0; at < expected.length; at++) {
    difference |= presented.charCodeAt(at % (presented.length || 1)) ^ expected.charCodeAt(at);
  }
  return difference === 0;
}
