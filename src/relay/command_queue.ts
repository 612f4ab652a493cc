/** What the queue needs to know of a command; the links belong to the queue. */
export interface Queueable<Item> {
  /** Order of arrival; unique. */
  readonly order: number;
  readonly channel: string;
  /** Size that counts against the queue's bound, in characters. */
  readonly size: number;
  previous: Item | undefined;
  next: Item | undefined;
}

/**
 * The commands of one tunnel that wait for a poll, always in the order of their arrival (P-160): one that comes
 * back because its poll reply could not be written takes its old place. Every operation but a filtered take is O(1).
 */
export class CommandQueue<Item extends Queueable<Item>> {
  #head: Item | undefined;
  #tail: Item | undefined;
  #length = 0;
  #size = 0;

  get length(): number {
    return this.#length;
  }

  /** Sum of the items' sizes. */
  get size(): number {
    return this.#size;
  }

  /** Puts an item in its place, which for a new one is the end. */
  insert(item: Item): void {
    let before = this.#tail;
    if (before !== undefined && before.order > item.order) {
      // It was delivered before, so its place is near the head.
      let after = this.#head;
      while (after !== undefined && after.order < item.order) after = after.next;
      before = after?.previous;
    }
    const after = before === undefined ? this.#head : before.next;
    item.previous = before;
    item.next = after;
    if (before === undefined) this.#head = item;
    else before.next = item;
    if (after === undefined) this.#tail = item;
    else after.previous = item;
    this.#length++;
    this.#size += item.size;
  }

  /** Takes an item out, wherever it stands. It must be in this queue. */
  remove(item: Item): void {
    if (item.previous === undefined) this.#head = item.next;
    else item.previous.next = item.next;
    if (item.next === undefined) this.#tail = item.previous;
    else item.next.previous = item.previous;
    item.previous = undefined;
    item.next = undefined;
    this.#length--;
    this.#size -= item.size;
  }

  /** @param wanted which items count (P-163) */
  hasAny(wanted: (item: Item) => boolean): boolean {
    for (let item = this.#head; item !== undefined; item = item.next) {
      if (wanted(item)) return true;
    }
    return false;
  }

  /**
   * Takes items from the front.
   * @param limit at most this many
   * @param maxSize no further item once the taken ones are together larger than this, so that one reply stays readable
   * @param wanted which items
   */
  take(limit: number, maxSize: number, wanted: (item: Item) => boolean): Item[] {
    const taken: Item[] = [];
    let size = 0;
    let item = this.#head;
    while (item !== undefined && taken.length < limit && (size === 0 || size + item.size <= maxSize)) {
      const next = item.next;
      if (wanted(item)) {
        this.remove(item);
        taken.push(item);
        size += item.size;
      }
      item = next;
    }
    return taken;
  }

  /** The oldest item, to walk from. */
  get head(): Item | undefined {
    return this.#head;
  }
}
