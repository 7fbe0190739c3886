import { InvalidOptionsError } from '../../errors.js'

/** A name as SQL has it, whatever is in it. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** @throws InvalidOptionsError for a schema that Postgres would not have, or that would be somebody else's. */
export function checkSchema(schema: unknown): string {
  if (typeof schema !== 'string' || !/^[a-z_][a-z0-9_]{0,40}$/.test(schema) || schema.startsWith('pg_')) {
    throw new InvalidOptionsError(
      "schema must be a name in lower case such as 'longline', of at most 41 letters, digits and underscores, not starting with pg_",
    )
  }
  if (schema === 'public' || schema === 'information_schema') {
    throw new InvalidOptionsError(`schema must be one of longline's own, such as 'longline'; got '${schema}'`)
  }
  return schema
}
