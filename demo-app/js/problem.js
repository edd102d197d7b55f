// What went wrong, in words for the person, with a way on.

export class Problem extends Error {
  /** `way`: a label and what it does, such as { label: 'Try again', go: loadReport }. */
  constructor(text, way) {
    super(text);
    this.way = way;
  }
}

/** Nothing is wrong: the person is asked something before it goes on. */
export class Question extends Problem {}

/** The person has to sign in again: the tokens are gone or not good any more. */
export class SignedOut extends Problem {}
