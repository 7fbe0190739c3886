import { describe, expect, it } from 'vitest'
import { utf8 } from '../../src/core/bytes.js'
import { LonglineError, MalformedContentError } from '../../src/errors.js'
import { readContent } from '../../src/model/content.js'

const read = async (contentType: string, body: string) => await readContent(contentType, utf8(body))
const form = (body: string) => read('application/x-www-form-urlencoded', body)

const multipartType = 'multipart/form-data; boundary="--it is"'
const multipart = (names: readonly string[]) =>
  [
    ...names.map(name => `----it is\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n1\r\n`),
    '----it is--\r\n',
  ].join('')

describe('a form', () => {
  it('has its fields by name, and a name that repeats as a list', async () => {
    expect(await form('a=1&b=2&a=3&&')).toEqual({ a: ['1', '3'], b: '2' })
    expect(await read(multipartType, multipart(['a', 'b', 'a']))).toEqual({ a: ['1', '1'], b: '1' })
  })

  it('may have ten thousand fields of one name', async () => {
    const { a } = (await form('a&'.repeat(10_000))) as { a: string[] }
    expect(a).toHaveLength(10_000)
    const parts = (await read(multipartType, multipart(Array(10_000).fill('a')))) as { a: string[] }
    expect(parts.a).toHaveLength(10_000)
  })

  it('is malformed with one more, however it is written', async () => {
    await expect(form('a&'.repeat(10_001))).rejects.toThrow(MalformedContentError)
    await expect(read(multipartType, multipart(Array(10_001).fill('a')))).rejects.toThrow(
      MalformedContentError,
    )
  })

  it.each([
    'multipart/form-data; x="; boundary=zzz"; boundary="--it is"',
    'multipart/form-data; x="\\"; boundary=zzz"; boundary="--it is"',
    'Multipart/Form-Data;BOUNDARY="--it is";boundary=zzz',
    'multipart/form-data; boundary="--it\\ is"',
  ])('has as many parts as the boundary tells that it is read by: %s', async type => {
    expect(await read(type, multipart(['a', 'b']))).toEqual({ a: '1', b: '1' })
    await expect(read(type, multipart(Array(10_001).fill('a')))).rejects.toThrow('more than 10000 fields')
  })

  it.each([
    'multipart/form-data',
    'multipart/form-data; boundary=',
    'multipart/form-data; boundary=zzz, multipart/form-data; boundary="--it is"',
    'multipart/form-data; boundary=ä',
  ])('is malformed where its boundary is not said: %s', async type => {
    await expect(read(type, multipart(['a']))).rejects.toThrow('the body is not a valid form')
  })

  it('of 1 MiB of nothing but names is refused at once', { timeout: 2_000 }, async () => {
    const body = 'a&'.repeat(512 * 1024)
    for (let n = 0; n < 20; n++) await expect(form(body)).rejects.toThrow(MalformedContentError)
  })
})

it('what cannot be read is told by an error of the family, which does not quote it', async () => {
  const error: unknown = await read('application/json', '{"secret').catch(reason => reason)
  expect(error).toBeInstanceOf(LonglineError)
  expect(error).toMatchObject({ code: 'malformed_content', name: 'MalformedContentError', retryable: false })
  expect(String(error)).not.toContain('secret')
})
