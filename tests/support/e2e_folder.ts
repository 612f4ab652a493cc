/** A folder that is gone after the test. */
export class Folder implements AsyncDisposable {
  readonly path = Deno.makeTempDirSync({ prefix: "tunnel-client-e2e-" });

  file(name: string): string {
    return `${this.path}/${name}`;
  }

  /** Content of a file, undefined while there is none. */
  async read(name: string): Promise<string | undefined> {
    try {
      return await Deno.readTextFile(this.file(name));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
  }

  async exists(name: string): Promise<boolean> {
    return await this.read(name) !== undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}
