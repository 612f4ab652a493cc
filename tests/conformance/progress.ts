/** Shows on standard error how far a measurement is: one line that is rewritten on a terminal, else one line per run. */
export class Progress {
  readonly #isTerminal = Deno.stderr.isTerminal();
  readonly #encoder = new TextEncoder();
  #what = "";
  #scenarios = 0;
  #begun = 0;
  #startedMs = 0;

  /** @param scenarios how many are going to be run */
  begin(what: string, scenarios: number): void {
    this.#what = what;
    this.#scenarios = scenarios;
    this.#begun = 0;
    this.#startedMs = performance.now();
    if (!this.#isTerminal) this.#write(`${what}: ${scenarios} scenarios …\n`);
  }

  readonly scenario = (name: string): void => {
    this.#begun++;
    if (this.#isTerminal) this.#write(`\r\x1b[K${this.#what}: ${this.#begun}/${this.#scenarios} ${name}`);
  };

  end(passed: number): void {
    const seconds = ((performance.now() - this.#startedMs) / 1000).toFixed(1);
    this.#write(`${this.#isTerminal ? "\r\x1b[K" : ""}${this.#what}: ${passed} checks pass (${seconds} s)\n`);
  }

  #write(text: string): void {
    Deno.stderr.writeSync(this.#encoder.encode(text));
  }
}
