// setup=postgres: `databaseUrl` leads to an empty database, on the server of the test run, that is the block's own.

import pg from 'pg'
import { cleanUps } from './ends.mjs'

const server = process.env.LONGLINE_TEST_POSTGRES ?? ''
const name = `docs_${process.pid}`

/** @param {string} statement */
async function onServer(statement) {
  const client = new pg.Client({ connectionString: server })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}

await onServer(`drop database if exists ${name}`) // of a block that failed, in a process with the same number
await onServer(`create database ${name}`)
cleanUps.push(() => onServer(`drop database ${name} with (force)`))

const url = new URL(server)
url.pathname = name
export const databaseUrl = url.href
