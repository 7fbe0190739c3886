import { expect, it } from 'vitest'
import { readRequest } from '../../src/verify/read-request.js'

it.each([
  ['https://hooks.example.com/x?a=1&b=%20#c=2', 'a=1&b=+'],
  ['/x?a=1', 'a=1'],
  ['/x#?a=1', ''],
  ['/x', ''],
  [undefined, ''],
])('finds the query in the URL as it was handed over: %s', async (url, query) => {
  const request = await readRequest({ headers: {}, body: '', ...(url === undefined ? {} : { url }) })
  expect(String(request.query)).toBe(query)
})
