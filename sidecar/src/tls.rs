//! One TLS configuration for the database and for OKX: rustls with ring, the authorities built in plus
//! those of the system (companies add their own there).

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use crate::config::Verification;

/// Why no TLS configuration could be had.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file named by `sslrootcert` cannot be used.
    #[error("sslrootcert {path}: {cause}")]
    RootFile {
        /// The file.
        path: String,
        /// What is wrong with it.
        cause: String,
    },
    /// rustls refuses the configuration.
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] Error),
    /// No usable authority.
    #[error("TLS cannot be set up: {0}")]
    Verifier(#[from] rustls::client::VerifierBuilderError),
}

/// A client configuration that verifies certificates fully, against built-in and system authorities.
///
/// # Errors
/// [`TlsError::Setup`].
pub fn client() -> Result<ClientConfig, TlsError> {
    config(Verification::Full, None)
}

/// A client configuration that verifies as much as asked. `roots` is a PEM file that replaces the
/// built-in and the system's authorities.
///
/// # Errors
/// [`TlsError::RootFile`] for a file that cannot be read or holds no certificate.
pub fn config(verification: Verification, roots: Option<&Path>) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
    if verification == Verification::None {
        let verifier = Arc::new(Lenient {
            inner: None,
            provider,
        });
        return Ok(builder
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth());
    }
    let roots = match roots {
        Some(path) => file_roots(path)?,
        None => default_roots(),
    };
    if verification == Verification::Full {
        return Ok(builder.with_root_certificates(roots).with_no_client_auth());
    }
    let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build()?;
    let verifier = Arc::new(Lenient {
        inner: Some(inner),
        provider,
    });
    Ok(builder
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth())
}

fn default_roots() -> RootCertStore {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

fn file_roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let fault = |cause: String| TlsError::RootFile {
        path: path.display().to_string(),
        cause,
    };
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path)
        .map_err(|e| fault(e.to_string()))?
        .collect();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(certificates.map_err(|e| fault(e.to_string()))?);
    if added == 0 {
        Err(fault("holds no certificate".to_owned()))
    } else {
        Ok(roots)
    }
}

/// libpq's weaker modes: `require` accepts any certificate, `verify-ca` any host name.
#[derive(Debug)]
struct Lenient {
    inner: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(inner) = &self.inner else {
            return Ok(ServerCertVerified::assertion());
        };
        match inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
