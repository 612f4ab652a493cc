/**
 * The name that was most likely meant, or undefined when none is near.
 * @param typed what the user wrote, without dashes in front
 * @param names every valid name
 */
export function suggestName(typed: string, names: readonly string[]): string | undefined {
  const wanted = fold(typed);
  if (wanted === "") return undefined;
  const sameLetters = names.find((name) => fold(name) === wanted);
  if (sameLetters !== undefined) return sameLetters;
  const limit = Math.max(1, Math.floor(wanted.length / 4));
  let best: string | undefined;
  let bestDistance = limit + 1;
  for (const name of names) {
    const distance = editDistance(wanted, fold(name), bestDistance);
    if (distance < bestDistance) {
      best = name;
      bestDistance = distance;
    }
  }
  // `--tunnel-id` for `--control-plane.tunnel-id`: the group in front is easily forgotten.
  return best ?? names.find((name) => fold(name).endsWith(`-${wanted}`));
}

function fold(name: string): string {
  return name.toLowerCase().replace(/[._]/g, "-");
}

/** Edits, swaps of neighbours included, that turn one text into the other; any number ≥ `limit` means "too many". */
function editDistance(from: string, to: string, limit: number): number {
  if (Math.abs(from.length - to.length) >= limit) return limit;
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const cost = from[row - 1] === to[column - 1] ? 0 : 1;
      let distance = Math.min(
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (previous[column - 1] ?? 0) + cost,
      );
      if (row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]) {
        distance = Math.min(distance, (beforePrevious[column - 2] ?? 0) + 1);
      }
      current.push(distance);
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[to.length] ?? limit;
}
