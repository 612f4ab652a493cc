/** Header fields of one message as they were received: repeated ones apart, in order. Names are in lower case. */
export class HeaderFields implements Iterable<readonly [name: string, value: string]> {
  readonly #names: readonly string[];
  readonly #values: readonly string[];

  /** @param names in lower case, one per value */
  constructor(names: readonly string[], values: readonly string[]) {
    this.#names = names;
    this.#values = values;
  }

  /** Value of a field, repeated ones joined with `, ` (RFC 9110 §5.3). @param name in lower case */
  get(name: string): string | undefined {
    const first = this.#names.indexOf(name);
    if (first === -1) return undefined;
    let value = this.#values[first];
    for (let at = this.#names.indexOf(name, first + 1); at !== -1; at = this.#names.indexOf(name, at + 1)) {
      value += `, ${this.#values[at]}`;
    }
    return value;
  }

  /** How often a field occurs. @param name in lower case */
  count(name: string): number {
    let count = 0;
    for (const each of this.#names) if (each === name) count++;
    return count;
  }

  *[Symbol.iterator](): Iterator<readonly [string, string]> {
    for (let at = 0; at < this.#names.length; at++) yield [this.#names[at] ?? "", this.#values[at] ?? ""];
  }

  get names(): readonly string[] {
    return this.#names;
  }

  get values(): readonly string[] {
    return this.#values;
  }
}
