//! What a request asks for, told from its method, path, query and headers before anything is
//! carried out; and what the log keeps of it.

use http::HeaderMap;
use http::request::Parts;
use percent_encoding::percent_decode_str;

macro_rules! operations {
    ($($name:ident),+ $(,)?) => {
        /// An operation of S3, by S3's own name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[allow(missing_docs, reason = "S3's own names")]
        pub enum Operation { $($name,)+ Other }

        impl Operation {
            /// The operation called so; [`Operation::Other`] when the server knows none.
            #[must_use]
            pub fn named(name: &str) -> Self {
                match name { $(stringify!($name) => Self::$name,)+ _ => Self::Other }
            }
        }
    };
}

operations!(
    PutObject,
    CreateMultipartUpload,
    UploadPart,
    CompleteMultipartUpload,
    AbortMultipartUpload,
    GetObject,
    HeadObject,
    DeleteObject,
    DeleteObjects,
    GetObjectRetention,
    PutObjectRetention,
    ListObjects,
    ListObjectsV2,
    ListObjectVersions,
    ListMultipartUploads,
    ListParts,
    ListBuckets,
    HeadBucket,
    GetBucketLocation,
    GetBucketVersioning,
    GetObjectLockConfiguration,
);

/// One request, as it came and as it was answered.
#[derive(Debug, Clone)]
pub struct Request {
    /// HTTP method.
    pub method: String,
    /// What it asks for.
    pub operation: Operation,
    /// Bucket; empty: none.
    pub bucket: String,
    /// Key, decoded; empty: none.
    pub key: String,
    /// Multipart upload it belongs to.
    pub upload_id: Option<String>,
    /// Part number of an upload.
    pub part_number: Option<u32>,
    /// Access key id it was signed with.
    pub access_key: Option<String>,
    /// Status of the answer; none: it got no whole answer.
    pub status: Option<u16>,
    headers: Vec<(String, String)>,
}

impl Request {
    /// Reads the head of a request.
    pub(crate) fn of(parts: &Parts) -> Self {
        let path = parts.uri.path().trim_start_matches('/');
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        let query = Query::of(parts.uri.query().unwrap_or_default());
        let access_key =
            of_authorization(&parts.headers).or_else(|| query.credential().map(ToOwned::to_owned));
        Self {
            method: parts.method.to_string(),
            operation: operation(parts, !bucket.is_empty(), !key.is_empty(), &query),
            bucket: decoded(bucket),
            key: decoded(key),
            upload_id: query.value("uploadId").map(ToOwned::to_owned),
            part_number: query
                .value("partNumber")
                .and_then(|number| number.parse().ok()),
            access_key,
            status: None,
            headers: shown(&parts.headers),
        }
    }

    /// A header by its lower-case name. Signatures and session tokens are never kept.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The lower-case names of all headers that begin so.
    #[must_use]
    pub fn headers_like(&self, start: &str) -> Vec<&str> {
        let names = self.headers.iter().map(|(name, _)| name.as_str());
        names.filter(|name| name.starts_with(start)).collect()
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// All headers but those that hold secrets.
fn shown(headers: &HeaderMap) -> Vec<(String, String)> {
    let open = headers
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "authorization" | "x-amz-security-token"));
    open.map(|(name, value)| {
        (
            name.to_string(),
            String::from_utf8_lossy(value.as_bytes()).into_owned(),
        )
    })
    .collect()
}

fn of_authorization(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("authorization")?.to_str().ok()?;
    let (_, rest) = value.split_once("Credential=")?;
    rest.split('/').next().map(ToOwned::to_owned)
}

/// The pairs of a query.
struct Query(Vec<(String, String)>);

impl Query {
    fn of(text: &str) -> Self {
        Self(
            url::form_urlencoded::parse(text.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    fn credential(&self) -> Option<&str> {
        self.value("X-Amz-Credential")?.split('/').next()
    }
}

fn operation(parts: &Parts, in_bucket: bool, of_object: bool, query: &Query) -> Operation {
    let method = parts.method.as_str();
    match (in_bucket, of_object) {
        (true, true) if parts.headers.contains_key("x-amz-copy-source") => Operation::Other,
        (true, true) => of_object_request(method, query),
        (true, false) => of_bucket_request(method, query),
        _ if method == "GET" => Operation::ListBuckets,
        _ => Operation::Other,
    }
}

fn of_object_request(method: &str, query: &Query) -> Operation {
    let in_upload = query.has("uploadId");
    match method {
        "PUT" if in_upload => Operation::UploadPart,
        "PUT" if query.has("retention") => Operation::PutObjectRetention,
        "PUT" if !is_about_more(query) => Operation::PutObject,
        "POST" if in_upload => Operation::CompleteMultipartUpload,
        "POST" if query.has("uploads") => Operation::CreateMultipartUpload,
        "DELETE" if in_upload => Operation::AbortMultipartUpload,
        "DELETE" if !is_about_more(query) => Operation::DeleteObject,
        "GET" if in_upload => Operation::ListParts,
        "GET" if query.has("retention") => Operation::GetObjectRetention,
        "GET" if !is_about_more(query) => Operation::GetObject,
        "HEAD" => Operation::HeadObject,
        _ => Operation::Other,
    }
}

/// Subresources of an object that this server does not know.
fn is_about_more(query: &Query) -> bool {
    ["acl", "tagging", "legal-hold", "attributes", "torrent"]
        .into_iter()
        .any(|name| query.has(name))
}

fn of_bucket_request(method: &str, query: &Query) -> Operation {
    match method {
        "GET" if query.value("list-type") == Some("2") => Operation::ListObjectsV2,
        "GET" if query.has("uploads") => Operation::ListMultipartUploads,
        "GET" if query.has("versions") => Operation::ListObjectVersions,
        "GET" if query.has("location") => Operation::GetBucketLocation,
        "GET" if query.has("versioning") => Operation::GetBucketVersioning,
        "GET" if query.has("object-lock") => Operation::GetObjectLockConfiguration,
        "GET" => Operation::ListObjects,
        "HEAD" => Operation::HeadBucket,
        "POST" if query.has("delete") => Operation::DeleteObjects,
        _ => Operation::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, target: &str) -> Request {
        let request = http::Request::builder()
            .method(method)
            .uri(target)
            .header("Authorization", "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=00")
            .header("x-amz-security-token", "planted")
            .header("X-Amz-Checksum-CRC32", "AAAAAA==");
        Request::of(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn operations_by_method_and_query() {
        use Operation::*;
        for (method, target, operation) in [
            ("PUT", "/b/k?x-id=PutObject", PutObject),
            ("POST", "/b/k?uploads", CreateMultipartUpload),
            ("PUT", "/b/k?partNumber=3&uploadId=u", UploadPart),
            ("POST", "/b/k?uploadId=u", CompleteMultipartUpload),
            ("DELETE", "/b/k?uploadId=u", AbortMultipartUpload),
            ("GET", "/b/k?uploadId=u", ListParts),
            ("GET", "/b/k?versionId=v", GetObject),
            ("GET", "/b/?list-type=2&prefix=p", ListObjectsV2),
            ("GET", "/b?versions", ListObjectVersions),
            ("GET", "/b?uploads", ListMultipartUploads),
            ("POST", "/b?delete", DeleteObjects),
            ("HEAD", "/b/k", HeadObject),
            ("HEAD", "/b", HeadBucket),
            ("GET", "/b?location", GetBucketLocation),
            ("GET", "/", ListBuckets),
            ("PUT", "/b/k?acl", Other),
        ] {
            assert_eq!(request(method, target).operation, operation, "{target}");
        }
        assert_eq!(Operation::named("UploadPart"), UploadPart);
        assert_eq!(Operation::named("PutBucketAcl"), Other);
    }

    #[test]
    fn a_request_is_read_without_its_secrets() {
        let request = request("PUT", "/b/a//c%20d%2Be?partNumber=3&uploadId=u%2F1");
        assert_eq!(
            (request.bucket.as_str(), request.key.as_str()),
            ("b", "a//c d+e")
        );
        assert_eq!(
            (request.upload_id.as_deref(), request.part_number),
            (Some("u/1"), Some(3))
        );
        assert_eq!(request.access_key.as_deref(), Some("AKID"));
        assert_eq!(
            request.headers_like("x-amz-checksum-"),
            ["x-amz-checksum-crc32"]
        );
        let all = format!("{request:?}");
        assert!(
            !all.contains("planted") && !all.contains("Signature"),
            "{all}"
        );
    }
}
