import { InvalidOptionsError } from '../errors.js'

// What of a request is signed, written as a text: `{timestamp}.{body}`.

const variables = ['id', 'timestamp', 'url', 'method', 'body'] as const

export type ContentVariable = (typeof variables)[number]

/** Texts, and variables in their braces. */
export type Content = readonly string[]

/** What is signed, piece by piece. */
export type SignedContent = readonly (string | Uint8Array)[]

/** @throws InvalidOptionsError for a variable that there is not, and where nothing of the body is signed. */
export function toContent(template: string, what: string): Content {
  if (template.includes('${')) {
    throw new InvalidOptionsError(
      `${what}: content has a '$' before a brace, which would be a part of it: write '{timestamp}.{body}', without it`,
    )
  }
  const content = template.split(/(\{[^{}]*\})/)
  const unknown = content.find(piece => /[{}]/.test(piece) && variableOf(piece) === undefined)
  if (unknown !== undefined) {
    throw new InvalidOptionsError(
      `${what}: content has '${unknown}'; there are ${variables.map(inBraces).join(', ')}`,
    )
  }
  if (endsOf(content, 'id').includes('')) {
    throw new InvalidOptionsError(
      `${what}: content has {id} with nothing behind it that ends it; put what stands there, such as '{id}.{body}'`,
    )
  }
  if (!hasVariable(content, 'body')) {
    throw new InvalidOptionsError(
      `${what}: content has no {body}: anybody could put another body under a signature that he has seen`,
    )
  }
  return content
}

export function hasVariable(content: Content, variable: ContentVariable): boolean {
  return content.includes(inBraces(variable))
}

/** Whether a value holds the text that follows its variable: then it could be read as if it had ended there. */
export function endsEarly(content: Content, variable: ContentVariable, value: string): boolean {
  return endsOf(content, variable).some(end => value.includes(end))
}

/** The text behind a variable, each time that it stands there; between any two is a piece of text, if only an empty one. */
function endsOf(content: Content, variable: ContentVariable): readonly string[] {
  return content.filter((_, at) => content[at - 1] === inBraces(variable))
}

export function fill(
  content: Content,
  values: Readonly<Record<ContentVariable, string | Uint8Array>>,
): SignedContent {
  return content.map(piece => {
    const variable = variableOf(piece)
    return variable === undefined ? piece : values[variable]
  })
}

function variableOf(piece: string): ContentVariable | undefined {
  return variables.find(variable => piece === inBraces(variable))
}

function inBraces(variable: ContentVariable): string {
  return `{${variable}}`
}
