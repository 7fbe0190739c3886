// What one writes first: Hono, and one insert for each request, committed before the answer.

import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { answerRunner, readTask } from '../support/child.mjs'
import { openDatabase } from '../support/sqlite.mjs'

/** @type {{ file: string, paths: number }} */
const task = readTask()

const database = await openDatabase(task.file)
database.exec('pragma journal_mode = wal')
database.exec('pragma synchronous = full')
database.exec(
  'create table callbacks (id integer primary key, token text, headers text, body text, received_at integer)',
)
const insert = database.prepare(
  'insert into callbacks (token, headers, body, received_at) values (?, ?, ?, ?)',
)
const count = database.prepare('select count(*) as held from callbacks')

const app = new Hono()
app.post('/r/:token', async context => {
  const body = await context.req.text()
  insert.run(context.req.param('token'), JSON.stringify(context.req.header()), body, Date.now())
  return context.body(null, 202)
})

const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) => {
  const paths = Array.from({ length: task.paths }, (_, index) => `/r/${String(index).padStart(22, 't')}`)
  answerRunner({ port, paths }, { held }, async () => {
    server.close()
    database.close()
  })
})

async function held() {
  const row = /** @type {{ held: number }} */ (count.get())
  return row.held
}
